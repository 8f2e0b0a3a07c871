//! Where the bytes of a read go.

use std::io::Write;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::store::Summary;

/// Where the bytes of a transfer go.
pub(crate) trait Sink: Send {
    /// Told the length before the first byte.
    fn expect(&mut self, length: u64) -> Result<()>;
    fn write(&mut self, chunk: &[u8]) -> Result<()>;
    /// Forgets everything written.
    fn restart(&mut self) -> Result<()>;
}

/// Bytes in memory, bounded.
pub(crate) struct Memory {
    pub(crate) object: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) limit: u64,
}

impl Memory {
    fn refuse_over(&self, length: u64) -> Result<()> {
        if length > self.limit {
            let (object, length) = (self.object.clone(), format!("{length} bytes"));
            return Err(Error::TooLarge { object, length, limit: self.limit });
        }
        Ok(())
    }
}

impl Sink for Memory {
    fn expect(&mut self, length: u64) -> Result<()> {
        self.refuse_over(length)?;
        self.bytes.reserve_exact(length as usize);
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.refuse_over((self.bytes.len() + chunk.len()) as u64)?; // more may come than was announced
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.bytes.clear();
        Ok(())
    }
}

/// Nothing but the sums.
#[derive(Default)]
pub(crate) struct Sums {
    length: u64,
    crc32c: u32,
    sha256: Sha256,
}

impl Sums {
    pub(crate) fn finish(self) -> Summary {
        Summary { length: self.length, crc32c: self.crc32c, sha256: Digest::finish(self.sha256) }
    }
}

impl Sink for Sums {
    fn expect(&mut self, _length: u64) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.length += chunk.len() as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, chunk);
        self.sha256.update(chunk);
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        *self = Self::default();
        Ok(())
    }
}

/// A temporary file beside its destination, and the sums of what is in it.
pub(crate) struct Disk<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: tempfile::NamedTempFile,
    pub(crate) sums: Sums,
}

impl Sink for Disk<'_> {
    fn expect(&mut self, _length: u64) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.file.write_all(chunk).map_err(|error| Error::local("write", self.path, error))?;
        self.sums.write(chunk)
    }

    fn restart(&mut self) -> Result<()> {
        let file = self.file.as_file_mut();
        let emptied = file.set_len(0).and_then(|()| std::io::Seek::rewind(file));
        emptied.map_err(|error| Error::local("write", self.path, error))?;
        self.sums.restart()
    }
}
