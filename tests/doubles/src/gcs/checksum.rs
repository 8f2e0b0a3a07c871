//! CRC-32C as the JSON API writes it: base64 of its four bytes, the highest first.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Eight characters, the last two of them padding.
pub(crate) fn encode(crc32c: u32) -> String {
    let bits = u64::from(crc32c) << 4; // 32 bits and 4 of padding are 6 digits
    let digits = (0..6).rev().map(|digit| DIGITS[(bits >> (6 * digit)) as usize & 63] as char);
    digits.chain("==".chars()).collect()
}

/// The sum, or none if the text is not one.
pub(crate) fn decode(text: &str) -> Option<u32> {
    let digits = text.strip_suffix("==").filter(|digits| digits.len() == 6)?;
    let mut bits = 0_u64;
    for digit in digits.bytes() {
        bits = (bits << 6) | DIGITS.iter().position(|known| *known == digit)? as u64;
    }
    u32::try_from(bits >> 4).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `base64.b64encode(struct.pack(">I", n))` of Python 3.
    #[test]
    fn agrees_with_python() {
        for (sum, text) in [(0, "AAAAAA=="), (1, "AAAAAQ=="), (0xffff_ffff, "/////w=="), (0xe306_9283, "4waSgw==")] {
            assert_eq!(encode(sum), text);
            assert_eq!(decode(text), Some(sum));
        }
        assert_eq!(decode("AAAA"), None);
        assert_eq!(decode("AAAA!A=="), None);
    }
}
