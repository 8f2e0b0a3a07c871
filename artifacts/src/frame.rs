//! A frame around bytes that must be whole or refused: magic, length, bytes, SHA-256.

use crate::digest::Digest;

const MAGIC: &[u8; 8] = b"reprise1";
const HEAD: usize = 16;
const TAIL: usize = 32;

/// Wraps bytes.
pub(crate) fn seal(bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + bytes.len() + TAIL);
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    frame.extend_from_slice(bytes);
    frame.extend_from_slice(Digest::of(bytes).as_bytes());
    frame
}

/// Unwraps bytes, or says what is wrong with the frame.
pub(crate) fn unseal(frame: &[u8]) -> Result<&[u8], &'static str> {
    let rest = frame.strip_prefix(MAGIC).ok_or("it does not begin with the magic of a frame")?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or("it ends within its length")?;
    let length = u64::from_le_bytes(*length);
    let bytes = rest.len().checked_sub(TAIL).ok_or("it ends within its digest")?;
    if bytes as u64 != length {
        return Err("its length is not the one that it states");
    }
    let (bytes, digest) = rest.split_at(bytes);
    if Digest::of(bytes).as_bytes() != digest {
        return Err("its bytes do not match its digest");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_opens_to_what_was_sealed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let frame = seal(&bytes);
            prop_assert_eq!(unseal(&frame), Ok(&bytes[..]));
        }

        #[test]
        fn a_damaged_frame_does_not_open(bytes in prop::collection::vec(any::<u8>(), 0..50), at in any::<prop::sample::Index>(), bit in 0..8) {
            let frame = seal(&bytes);
            let at = at.index(frame.len());
            let mut flipped = frame.clone();
            flipped[at] ^= 1_u8 << bit;
            prop_assert!(unseal(&flipped).is_err());
            prop_assert!(unseal(&frame[..at]).is_err());
            prop_assert!(unseal(&[&frame[..], &[0]].concat()).is_err());
        }
    }
}
