//! The folder of this process's temporary files.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use reprise_crds::contract::ExitCode;

use crate::failure::{Failure, Result};

/// A folder of this process's own, which goes with it unless there is something to read in it.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    keep: bool,
}

impl Scratch {
    /// Creates the folder of a run's uid, for this user alone.
    pub(crate) fn create(run_uid: &str) -> Result<Self> {
        let folder = folder_of(run_uid);
        let created = std::fs::DirBuilder::new().mode(0o700).create(&folder);
        created.map_err(|error| Failure::new(ExitCode::TryAgain, format!("failed to create {}: {error}", folder.display())))?;
        Ok(Self { folder, keep: false })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Leaves the folder to whoever wants to read the logs in it.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // What can't be removed now is the system's to clean up.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Where a `reprise run` on this machine has its folder: followers find its progress there.
pub(crate) fn folder_of(run_uid: &str) -> PathBuf {
    std::env::temp_dir().join(format!("reprise-{run_uid}"))
}
