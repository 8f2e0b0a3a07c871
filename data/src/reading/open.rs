//! Opens a file, decompressing by its suffix, within bounds.

use std::fs::File;
use std::io::{self, BufReader, Read};

use crate::error::{Error, Fault, Place, Result};
use crate::inputs::InputFile;

/// Real exports shrink by 5 to 50; what shrinks by more than this is made to fill a disk.
const MOST_EXPANSION: u64 = 1_000;
/// Small files may expand further: a few kilobytes of zeros are no attack.
const FREE_BYTES: u64 = 64 << 20;

const BUFFER: usize = 256 << 10;

/// The text of a file, decompressed by its suffix (.gz, .zst), without its byte order mark.
///
/// # Errors
/// [`Error::ReadFile`] for an empty file and one that is not UTF-8 by its byte order mark.
pub(crate) fn open_text(file: &InputFile) -> Result<Box<dyn Read>> {
    let opened = File::open(&file.path).map_err(|error| Error::scratch(&file.path, error))?;
    let length = opened.metadata().map_err(|error| Error::scratch(&file.path, error))?.len();
    if length == 0 {
        return Err(fault(file, "the file is empty", "upload it again, or leave it out of the files' path"));
    }
    let reader = BufReader::with_capacity(BUFFER, opened);
    let mut text: Box<dyn Read> = match suffix(&file.found.name) {
        Some("gz") => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Some("zst") => Box::new(zstd::Decoder::with_buffer(reader).map_err(|error| unreadable(file, &error))?),
        _ => return start(file, Box::new(reader)),
    };
    let limit = length.saturating_mul(MOST_EXPANSION).max(FREE_BYTES);
    text = Box::new(Bounded { inner: text, left: limit });
    start(file, text)
}

fn suffix(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, suffix)| suffix)
}

/// Looks at the first bytes: drops the mark of UTF-8, refuses that of UTF-16.
fn start(file: &InputFile, mut text: Box<dyn Read>) -> Result<Box<dyn Read>> {
    let mut first = Vec::with_capacity(3);
    text.by_ref().take(3).read_to_end(&mut first).map_err(|error| unreadable(file, &error))?;
    if first.is_empty() {
        return Err(fault(file, "the file is empty", "upload it again, or leave it out of the files' path"));
    }
    if first.starts_with(&[0xFF, 0xFE]) || first.starts_with(&[0xFE, 0xFF]) {
        return Err(fault(file, "the file is UTF-16", "export it as UTF-8"));
    }
    if first == [0xEF, 0xBB, 0xBF] {
        first.clear();
    }
    Ok(Box::new(io::Cursor::new(first).chain(text)))
}

/// Why a stream broke, said without the library's words where we know better.
pub(crate) fn unreadable(file: &InputFile, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => fault(file, "the compressed file ends early", "upload it again"),
        io::ErrorKind::FileTooLarge => {
            let cause = format!("the file grows more than {MOST_EXPANSION} times when decompressed");
            fault(file, &cause, "compress real data, or split it into several files")
        }
        _ => fault(file, &format!("the file can't be decompressed: {error}"), "upload it again, or correct its suffix"),
    }
}

pub(super) fn fault(file: &InputFile, cause: &str, hint: &str) -> Error {
    Error::ReadFile(Fault::new(Place::of(&file.found.name), cause, hint))
}

/// Stops a decompression bomb.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(read)
    }
}
