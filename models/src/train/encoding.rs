//! The frame of checkpoints and rounds: little-endian, each list with its length, a checksum at the end.

use super::Sums;
use crate::learn::{Error, Result};

/// Writes a frame.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A frame of a kind; the kind names its version.
    pub(super) fn new(kind: [u8; 8]) -> Self {
        Self(kind.to_vec())
    }

    pub(super) fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn double(&mut self, value: f64) {
        self.number(value.to_bits());
    }

    pub(super) fn maybe(&mut self, value: Option<f64>) {
        self.number(u64::from(value.is_some()));
        self.double(value.unwrap_or(0.0));
    }

    pub(super) fn sums(&mut self, sums: Sums) {
        self.double(sums.loss);
        self.double(sums.weight);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn floats(&mut self, values: &[f32]) {
        self.number(values.len() as u64);
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    /// The frame, closed by its checksum.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let sum = checksum(&self.0);
        self.number(sum);
        self.0
    }
}

/// Reads a frame. Every refusal names what was read and the place.
pub(super) struct Reader<'b> {
    what: &'static str,
    bytes: &'b [u8],
    place: usize,
}

impl<'b> Reader<'b> {
    /// Opens a frame of a kind; a cut or changed one is refused here.
    pub(super) fn new(what: &'static str, kind: [u8; 8], bytes: &'b [u8]) -> Result<Self> {
        let refuse = |reason: &str| Err(Error::Format(format!("{what}: {reason}")));
        if bytes.get(..8) != Some(&kind) {
            return refuse("not of the kind that this build writes");
        }
        let Some((body, sum)) = bytes.split_last_chunk::<8>().filter(|(body, _)| body.len() >= 8) else {
            return refuse("cut short");
        };
        if checksum(body) != u64::from_le_bytes(*sum) {
            return refuse("cut short or changed: its checksum does not hold");
        }
        Ok(Self { what, bytes: body, place: 8 })
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8]> {
        let end = self.place.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| Error::Format(format!("{}: ends before the {len} bytes due at byte {}", self.what, self.place)))?;
        let taken = &self.bytes[self.place..end];
        self.place = end;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(word))
    }

    /// A number that must fit the place it goes to.
    pub(super) fn count<T: TryFrom<u64>>(&mut self) -> Result<T> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| Error::Format(format!("{}: {number} before byte {} is out of range", self.what, self.place)))
    }

    pub(super) fn double(&mut self) -> Result<f64> {
        self.number().map(f64::from_bits)
    }

    pub(super) fn maybe(&mut self) -> Result<Option<f64>> {
        let some = self.number()? != 0;
        let value = self.double()?;
        Ok(some.then_some(value))
    }

    pub(super) fn sums(&mut self) -> Result<Sums> {
        Ok(Sums { loss: self.double()?, weight: self.double()? })
    }

    pub(super) fn text(&mut self) -> Result<String> {
        let len = self.count()?;
        String::from_utf8(self.take(len)?.to_vec())
            .map_err(|_| Error::Format(format!("{}: text before byte {} is not UTF-8", self.what, self.place)))
    }

    pub(super) fn floats(&mut self) -> Result<Vec<f32>> {
        let len = self.count::<usize>()?.checked_mul(4).ok_or_else(|| Error::Format(format!("{}: a list too long", self.what)))?;
        let (values, _) = self.take(len)?.as_chunks::<4>();
        Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// Refuses what is left over.
    pub(super) fn finish(self) -> Result<()> {
        match self.bytes.len() - self.place {
            0 => Ok(()),
            rest => Err(Error::Format(format!("{}: {rest} bytes too many", self.what))),
        }
    }
}

/// Not against forgery (digests are the store's business): against a cut or a flipped bit.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let start = crate::draw::mix(bytes.len() as u64 ^ 0x5245_5052_4953_4521);
    let sum = words.iter().fold(start, |sum, word| (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rest.iter().fold(sum, |sum, byte| (sum.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
