//! What is read from files, and read again when they change: certificates and tokens.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

/// Time between two looks at the files.
const PERIOD: Duration = Duration::from_secs(1);

/// A value that comes from files.
pub struct Reloaded<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    read: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    current: RwLock<Arc<T>>,
    seen: Mutex<Vec<Fingerprint>>,
}

/// Which content a file has, as far as can be told without reading it: device, inode, size, and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint(u64, u64, u64, i64, i64);

// === impl Reloaded ===

impl<T> Reloaded<T> {
    /// Reads a value that depends on these files.
    ///
    /// # Errors
    ///
    /// What `read` says.
    pub fn new(
        what: &'static str,
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        // Before the files are read, so that a change in between is noticed.
        let seen = fingerprints(&files).unwrap_or_default();
        let current = read()?;
        Ok(Self {
            what,
            files,
            read: Box::new(read),
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(seen),
        })
    }

    /// Returns what was read last.
    pub fn get(&self) -> Arc<T> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads again whenever the files change, for as long as it is polled. What cannot be read leaves the value as
    /// it was, and is tried again.
    pub async fn watch(&self) {
        let mut complained = false;
        loop {
            tokio::time::sleep(PERIOD).await;
            match self.look() {
                Ok(false) => {}
                Ok(true) => {
                    complained = false;
                    tracing::info!(what = self.what, "read again");
                }
                Err(error) if !complained => {
                    complained = true;
                    tracing::error!(
                        what = self.what,
                        error,
                        "cannot be read again; the old one stays"
                    );
                }
                Err(_) => {}
            }
        }
    }

    /// Reads again if a file has changed; returns whether it did.
    fn look(&self) -> Result<bool, String> {
        let found = fingerprints(&self.files).map_err(|error| error.to_string())?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return Ok(false);
        }
        let read = Arc::new((self.read)()?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        *seen = found;
        Ok(true)
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloaded")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

fn fingerprints(files: &[PathBuf]) -> io::Result<Vec<Fingerprint>> {
    let of = |path| {
        fs::metadata(path).map(|found| {
            Fingerprint(
                found.dev(),
                found.ino(),
                found.size(),
                found.mtime(),
                found.mtime_nsec(),
            )
        })
    };
    files.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_again_what_has_changed_and_keeps_what_cannot_be_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("number");
        fs::write(&path, "1").expect("written");
        let value = {
            let path = path.clone();
            Reloaded::new("a number", vec![path.clone()], move || {
                let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
                text.parse::<u32>().map_err(|error| error.to_string())
            })
        };
        let value = value.expect("a number");
        assert_eq!((value.look(), *value.get()), (Ok(false), 1));
        fs::write(&path, "no number").expect("written");
        assert!(value.look().is_err());
        assert_eq!(*value.get(), 1);
        fs::write(&path, "22").expect("written");
        assert_eq!((value.look(), *value.get()), (Ok(true), 22));
        fs::remove_file(&path).expect("removed");
        assert!(value.look().is_err());
        assert_eq!(*value.get(), 22);
    }
}
