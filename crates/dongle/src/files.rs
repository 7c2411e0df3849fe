//! Writes files so that they are always either whole or absent.

use std::io::{self, Write as _};
use std::path::Path;

/// Writes a temporary file, which only this user can read, and moves it into place, so that readers
/// always find a whole file. If two processes do so at once, the last one wins.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut draft = tempfile::Builder::new()
        .prefix(file.file_name().unwrap_or_default())
        .suffix(".new")
        .tempfile_in(folder)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    #[test]
    fn who_reads_while_others_write_finds_a_whole_file() {
        const WRITES: usize = 50;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bonds.json");
        let of = |writer: u8| vec![b'a' + writer; 1000 + usize::from(writer)];
        replace(&file, &of(0)).unwrap();
        thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || (0..WRITES).for_each(|_| replace(file, &of(writer)).unwrap()));
            }
            for _ in 0..WRITES {
                let read = fs::read(&file).unwrap();
                assert!((0..4).any(|writer| read == of(writer)), "{}", read.len());
            }
        });
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no drafts");
    }
}
