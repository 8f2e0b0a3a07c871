//! The source's files: listed where they lie, and brought onto this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reprise_artifacts::{Error, Info, Location};
use reprise_crds::contract::{ExitCode, InputObject};
use reprise_crds::source::DataSourceSpec;
use reprise_data::{InputFile, Inputs, find_files};
use tokio::runtime::Handle;

use crate::failure::{Failure, Result};

/// More source files than any country has; a bound on what a listing may cost.
const MOST_FILES: usize = 100_000;

/// A source's folder, and what is wanted of it.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The folder.
    pub location: &'a Location,
    /// Where its requests run.
    pub runtime: &'a Handle,
    /// The DataSource.
    pub source: &'a DataSourceSpec,
    /// The markets, each in the source.
    pub markets: &'a [String],
}

impl Sources<'_> {
    /// The files that the markets need, sorted by name, as listed now.
    ///
    /// # Errors
    /// 65 if no file matches, 75 or 78 if the folder can't be listed.
    pub fn list(&self) -> Result<Vec<InputObject>> {
        let listed: BTreeMap<String, Info> =
            self.runtime.block_on(self.location.list("", MOST_FILES))?.into_iter().map(|info| (info.name.clone(), info)).collect();
        let names: Vec<String> = listed.keys().cloned().collect();
        let found = find_files(self.source, self.markets, &names)?;
        let names: BTreeSet<String> = found.into_iter().map(|file| file.name).collect();
        let input = |name: String| {
            let info = listed.get(&name)?;
            Some(InputObject { generation: info.generation, length: info.length, crc32c: info.crc32c, name })
        };
        Ok(names.into_iter().filter_map(input).collect())
    }

    /// Brings these generations into `folder`; `between` hears before each file how many bytes are there, of how many.
    ///
    /// # Errors
    /// 65 for a file that is not what was listed, 75 if storage or disk fail, and whatever `between` fails with.
    pub fn fetch(
        &self,
        listed: &[InputObject],
        folder: &Path,
        memory: usize,
        between: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<Inputs> {
        let names: Vec<String> = listed.iter().map(|input| input.name.clone()).collect();
        let total: u64 = listed.iter().map(|input| input.length).sum();
        let mut done = 0;
        for (number, input) in listed.iter().enumerate() {
            between(done, total)?;
            self.fetch_one(input, &local(folder, number, &input.name))?;
            done += input.length;
        }
        let found = find_files(self.source, self.markets, &names)?;
        let path = |name: &str| names.iter().position(|listed| listed == name).map(|number| local(folder, number, name));
        let files = found.into_iter().filter_map(|found| Some(InputFile { path: path(&found.name)?, found })).collect();
        Ok(Inputs { markets: self.markets.to_vec(), files, memory })
    }

    fn fetch_one(&self, input: &InputObject, to: &Path) -> Result<()> {
        let changed = || {
            let message = format!("{} is not what the request's record lists any more", input.name);
            let mut failure =
                Failure::new(ExitCode::Data, "InputChanged", message).hint("set rerunToken to ask again with the files as they are now");
            failure.error.file = Some(input.name.clone());
            failure
        };
        match self.runtime.block_on(self.location.download(&input.name, Some(input.generation), to)) {
            Ok((_, sums)) if (sums.length, sums.crc32c) == (input.length, input.crc32c) => Ok(()),
            Ok(_) | Err(Error::Changed { .. } | Error::NotFound { .. }) => Err(changed()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Numbered, with the name's last segment: its endings say how it is packed.
fn local(folder: &Path, number: usize, name: &str) -> PathBuf {
    folder.join(format!("{number}-{}", name.rsplit('/').next().unwrap_or(name)))
}
