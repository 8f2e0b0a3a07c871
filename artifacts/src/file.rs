//! Objects as plain files in a directory: for a laptop, for tests of processes, and for `--map`.
//!
//! An object lies under its own name, whole, so that people can open it. Creation is a temporary file, fsync and
//! link(2), which fails if the name is taken. Replacement and deletion compare the generation under a lock on the
//! directory, which the system drops when its holder dies, and replacement is a rename. The generation is the file's
//! modification time in microseconds, forced upwards by each replacement; so files that people put there are objects
//! too, and get a new generation when they are edited.
//!
//! Guarantees hold among processes of one machine. What a killed process leaves are temporary files, which no listing
//! shows. Files whose names can't be object names are no objects; links to files are, links to directories are not
//! followed.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::error::{Error, Result};
use crate::store::{Answer, Body, Commit, Expect, Info, Page, Reading, Store, blocking};

const TEMPORARY: &str = ".reprise-temporary-";
const PAGE: usize = 1000;
const CHUNK: usize = 1 << 20;
const LOCK_BOUND: Duration = Duration::from_secs(10);
/// A directory can be pruned between its creation and its use; more often than this in a row it can't.
const RACES: usize = 100;

/// A store in one directory, which need not exist before the first put.
#[derive(Clone, Debug)]
pub struct FileStore {
    root: PathBuf,
    address: String,
}

impl FileStore {
    /// Opens a directory; `address` is how messages name it, closed by a slash (`file:///data/` or `gs://bucket/`).
    pub fn new(root: PathBuf, address: &str) -> Self {
        Self { root, address: address.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn failed(&self, verb: &'static str, name: &str, error: &std::io::Error) -> Error {
        let (object, reason) = (self.uri(name), error.to_string());
        match error.kind() {
            ErrorKind::NotFound => Error::NotFound { object },
            ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename => Error::Denied { verb, object, reason },
            _ => Error::Unavailable { verb, object, reason },
        }
    }

    fn put_file(&self, name: &str, body: &Body, expect: Expect) -> Result<Commit> {
        let path = self.path(name);
        if path.is_dir() {
            let reason = "a directory has this name".into();
            return Err(Error::Denied { verb: "store", object: self.uri(name), reason });
        }
        let failed = |error: std::io::Error| self.failed("store", name, &error);
        for _ in 0..RACES {
            let temporary = match write_temporary(&path, body) {
                Err(Written::Store(error)) if error.kind() == ErrorKind::NotFound => continue,
                Err(Written::Store(error)) => return Err(failed(error)),
                Err(Written::Body(error)) => return Err(error),
                Ok(temporary) => temporary,
            };
            return match expect {
                Expect::Absent => create(&temporary, &path).map_err(failed),
                Expect::Generation(generation) => self.replace(name, temporary, generation),
            };
        }
        Err(Error::Unavailable { verb: "store", object: self.uri(name), reason: "its directory keeps vanishing".into() })
    }

    fn replace(&self, name: &str, temporary: NamedTempFile, expected: i64) -> Result<Commit> {
        let path = self.path(name);
        let failed = |error: std::io::Error| self.failed("replace", name, &error);
        let Some(_lock) = self.lock(name)? else {
            return Ok(Commit::Rejected);
        };
        match current(&path).map_err(failed)? {
            Some(found) if generation(&found) == expected => {}
            _ => return Ok(Commit::Rejected),
        }
        let next = stamp(temporary.as_file(), expected + 1).map_err(failed)?;
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&path).map_err(|error| failed(error.error))?;
        sync_directory(&path).map_err(failed)?;
        Ok(Commit::Committed(next))
    }

    fn delete_file(&self, name: &str, expected: i64) -> Result<()> {
        let path = self.path(name);
        let failed = |error: std::io::Error| self.failed("delete", name, &error);
        let Some(_lock) = self.lock(name)? else {
            return Ok(());
        };
        match current(&path).map_err(failed)? {
            None => return Ok(()),
            Some(found) if generation(&found) != expected => {
                return Err(Error::Changed { object: self.uri(name) });
            }
            Some(_) => std::fs::remove_file(&path).map_err(failed)?,
        }
        sync_directory(&path).map_err(failed)?;
        let directories = path.ancestors().skip(1).take_while(|directory| *directory != self.root);
        for directory in directories {
            if std::fs::remove_dir(directory).is_err() {
                break; // not empty: somebody else's objects
            }
        }
        Ok(())
    }

    /// Locks the directory of an object against other replacements and deletions; none if it does not exist.
    fn lock(&self, name: &str) -> Result<Option<File>> {
        let path = self.path(name);
        let directory = path.parent().unwrap_or(&self.root);
        let failed = |error: std::io::Error| self.failed("lock the directory of", name, &error);
        let since = Instant::now();
        while since.elapsed() < LOCK_BOUND {
            let file = match File::open(directory) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(failed)?,
            };
            match file.try_lock() {
                Ok(()) if is_still(&file, directory) => return Ok(Some(file)),
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
                Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let reason = format!("another process held its directory for {} s", LOCK_BOUND.as_secs());
        Err(Error::Unavailable { verb: "lock", object: self.uri(name), reason })
    }

    async fn read_file(&self, name: &str, wanted: Option<i64>, offset: u64) -> Result<Reading> {
        let object = self.uri(name);
        let path = self.path(name);
        let missing = |error: std::io::Error| match (error.kind(), wanted) {
            (ErrorKind::NotFound, Some(_)) => Error::Changed { object: object.clone() },
            _ => self.failed("read", name, &error),
        };
        let mut file = tokio::fs::File::open(&path).await.map_err(missing)?;
        let metadata = file.metadata().await.map_err(missing)?;
        if !metadata.is_file() {
            return Err(Error::NotFound { object });
        }
        let found = generation(&metadata);
        if wanted.is_some_and(|wanted| wanted != found) {
            return Err(Error::Changed { object });
        }
        file.seek(std::io::SeekFrom::Start(offset)).await.map_err(missing)?;
        let tail = FileTail { store: self.clone(), name: name.to_owned(), file, generation: found };
        let chunks = futures::stream::try_unfold(tail, FileTail::next).boxed();
        Ok(Reading { generation: found, length: metadata.len(), crc32c: None, chunks })
    }

    fn info(&self, name: &str) -> Result<Info> {
        let failed = |error: std::io::Error| self.failed("read", name, &error);
        let mut file = File::open(self.path(name)).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::NotFound { object: self.uri(name) });
        }
        let crc32c = checksum(&mut file).map_err(failed)?;
        let updated = metadata.modified().map_err(failed)?;
        Ok(Info { name: name.to_owned(), generation: generation(&metadata), length: metadata.len(), crc32c, updated })
    }

    fn list_files(&self, prefix: &str, after: Option<&str>) -> Result<Page> {
        let mut names = self.names(prefix)?;
        names.sort_unstable();
        let mut page = Page::default();
        for name in names.into_iter().filter(|name| after.is_none_or(|after| name.as_str() > after)) {
            if page.objects.len() == PAGE {
                page.next = page.objects.last().map(|info| info.name.clone());
                break;
            }
            match self.info(&name) {
                Err(Error::NotFound { .. }) => {} // deleted since
                info => page.objects.push(info?),
            }
        }
        Ok(page)
    }

    /// All object names with this prefix, in no order.
    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let directory = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
        let (mut open, mut names) = (vec![directory.to_owned()], Vec::new());
        while let Some(directory) = open.pop() {
            let failed = |error: std::io::Error| self.failed("list", &directory, &error);
            let entries = match std::fs::read_dir(self.path(&directory)) {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    continue;
                }
                entries => entries.map_err(failed)?,
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                let Some(name) = entry.file_name().to_str().map(|segment| format!("{directory}{segment}")) else {
                    continue;
                };
                if kind.is_dir() && (name.starts_with(prefix) || prefix.starts_with(&name)) {
                    open.push(format!("{name}/"));
                } else if name.starts_with(prefix) && is_object(&name, kind, &entry.path()) {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }
}

impl Store for FileStore {
    fn uri(&self, name: &str) -> String {
        format!("{}{name}", self.address)
    }

    fn put<'a>(&'a self, name: &'a str, body: &'a Body, expect: Expect) -> Answer<'a, Commit> {
        let (store, name, body) = (self.clone(), name.to_owned(), body.clone());
        blocking(move || store.put_file(&name, &body, expect)).boxed()
    }

    fn read<'a>(&'a self, name: &'a str, generation: Option<i64>, offset: u64) -> Answer<'a, Reading> {
        self.read_file(name, generation, offset).boxed()
    }

    fn head<'a>(&'a self, name: &'a str) -> Answer<'a, Info> {
        let (store, name) = (self.clone(), name.to_owned());
        blocking(move || store.info(&name)).boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str, token: Option<&'a str>) -> Answer<'a, Page> {
        let (store, prefix, token) = (self.clone(), prefix.to_owned(), token.map(str::to_owned));
        blocking(move || store.list_files(&prefix, token.as_deref())).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str, generation: i64) -> Answer<'a, ()> {
        let (store, name) = (self.clone(), name.to_owned());
        blocking(move || store.delete_file(&name, generation)).boxed()
    }
}

struct FileTail {
    store: FileStore,
    name: String,
    file: tokio::fs::File,
    generation: i64,
}

impl FileTail {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let mut buffer = vec![0; CHUNK];
        let failed = |error: std::io::Error| self.store.failed("read", &self.name, &error);
        let n = self.file.read(&mut buffer).await.map_err(failed)?;
        if n == 0 {
            let metadata = self.file.metadata().await.map_err(failed)?;
            if generation(&metadata) != self.generation {
                return Err(Error::Changed { object: self.store.uri(&self.name) }); // edited in place
            }
            return Ok(None);
        }
        buffer.truncate(n);
        Ok(Some((buffer.into(), self)))
    }
}

enum Written {
    Body(Error),
    Store(std::io::Error),
}

/// Writes a body beside its destination, durably.
fn write_temporary(path: &Path, body: &Body) -> std::result::Result<NamedTempFile, Written> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(directory).map_err(Written::Store)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(std::fs::Permissions::from_mode(0o666)) // the umask applies, as to any file
        .tempfile_in(directory)
        .map_err(Written::Store)?;
    match body {
        Body::Bytes(bytes) => temporary.write_all(bytes).map_err(Written::Store)?,
        Body::File(source) => {
            let mut source_file = File::open(source).map_err(|e| Written::Body(Error::local("read", source, e)))?;
            std::io::copy(&mut source_file, &mut temporary).map_err(Written::Store)?;
        }
    }
    stamp(temporary.as_file(), 0).map_err(Written::Store)?;
    temporary.as_file().sync_all().map_err(Written::Store)?;
    Ok(temporary)
}

fn create(temporary: &NamedTempFile, path: &Path) -> std::io::Result<Commit> {
    match std::fs::hard_link(temporary.path(), path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Commit::Rejected),
        linked => linked?,
    }
    sync_directory(path)?;
    Ok(Commit::Committed(generation(&temporary.as_file().metadata()?)))
}

/// Sets the modification time to now, but at least to this generation; returns what it is.
#[expect(clippy::disallowed_methods, reason = "this is the rim: a file's time is its generation")]
fn stamp(file: &File, at_least: i64) -> std::io::Result<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
    let generation = now.max(at_least);
    file.set_modified(UNIX_EPOCH + Duration::from_micros(generation.unsigned_abs()))?;
    Ok(generation)
}

fn generation(metadata: &Metadata) -> i64 {
    metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1000
}

fn current(path: &Path) -> std::io::Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an open directory is still the one that the path leads to, and not a pruned and re-made one.
fn is_still(file: &File, directory: &Path) -> bool {
    let (Ok(held), Ok(found)) = (file.metadata(), std::fs::metadata(directory)) else {
        return false;
    };
    (held.dev(), held.ino()) == (found.dev(), found.ino())
}

fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

fn checksum(file: &mut File) -> std::io::Result<u32> {
    let mut buffer = vec![0; CHUNK.min(1 << 18)];
    let mut sum = 0;
    loop {
        match std::io::Read::read(file, &mut buffer)? {
            0 => return Ok(sum),
            n => sum = crc32c::crc32c_append(sum, &buffer[..n]),
        }
    }
}

fn is_object(name: &str, kind: std::fs::FileType, path: &Path) -> bool {
    let own = name.rsplit('/').next().is_some_and(|segment| segment.starts_with(TEMPORARY));
    let file = kind.is_file() || (kind.is_symlink() && std::fs::metadata(path).is_ok_and(|target| target.is_file()));
    file && !own && crate::uri::check_name(name).is_ok()
}
