//! Keeps bonds between two runs of a program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::address::Address;
use crate::files;

/// Keeps the bonds of a dongle: one document for each own address of a dongle. It is JSON and
/// contains keys: anyone who can read it can eavesdrop.
///
/// Its methods are called on the dongle's own thread, or on the thread that forgets a bond. They
/// may look at the [bonds](crate::Dongle::bonds) of their dongle. They can't change them, which is
/// an error, and they must not wait for anything that the dongle does, such as a connection or a
/// value: it does nothing until they return.
pub trait BondStore: Send + Sync + 'static {
    /// The text that was last saved for this address. `None` if there is none.
    fn load(&self, own: Address) -> io::Result<Option<Zeroizing<Vec<u8>>>>;

    /// Replaces the text that was saved before, completely or not at all.
    fn save(&self, own: Address, text: &[u8]) -> io::Result<()>;

    /// Moves a text that could not be read aside, so that it isn't overwritten. Returns where to.
    fn set_aside(&self, own: Address) -> io::Result<String>;
}

/// Keeps bonds in files, one for each own address of a dongle, which only the user can read.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// Uses this folder, which is created when something is saved.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The file for this address.
    pub fn path(&self, own: Address) -> PathBuf {
        let kind = if own.is_random() { "random" } else { "public" };
        let name = own.to_string().replace(':', "-").to_lowercase();
        self.folder.join(format!("bonds-{name}-{kind}.json"))
    }
}

impl BondStore for FileStore {
    fn load(&self, own: Address) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path(own);
        match fs::read(&path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(&path, &error)),
        }
    }

    fn save(&self, own: Address, text: &[u8]) -> io::Result<()> {
        let path = self.path(own);
        let saved = make_folder(&self.folder).and_then(|()| files::replace(&path, text));
        saved.map_err(|error| named(&path, &error))
    }

    fn set_aside(&self, own: Address) -> io::Result<String> {
        let path = self.path(own);
        let mut number = 1;
        loop {
            let aside = path.with_extension(format!("json.damaged-{number}"));
            if !aside.exists() {
                fs::rename(&path, &aside)?;
                return Ok(aside.display().to_string());
            }
            number += 1;
        }
    }
}

/// Keeps bonds only as long as the program runs.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Vec<(Address, Zeroizing<Vec<u8>>)>>);

impl BondStore for MemoryStore {
    fn load(&self, own: Address) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept
            .iter()
            .find(|(address, _)| *address == own)
            .map(|(_, text)| text.clone()))
    }

    fn save(&self, own: Address, text: &[u8]) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(address, _)| *address != own);
        kept.push((own, Zeroizing::new(text.to_vec())));
        Ok(())
    }

    fn set_aside(&self, own: Address) -> io::Result<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(address, _)| *address != own);
        Ok("nowhere".into())
    }
}

/// Names the file, since only the user can tell whether another folder would be better.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
