//! Binds a TCP address and a Unix socket.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;

/// What a server listens on.
#[derive(Debug)]
pub struct Listeners {
    pub(super) tcp: Option<TcpListener>,
    pub(super) unix: Option<SocketFile>,
}

/// A Unix socket whose file goes when it is dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

/// Why a listener could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// The TCP address is taken or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The path cannot hold a socket.
    #[error("cannot listen on {}: {source}", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

// === impl Listeners ===

impl Listeners {
    /// Binds what is given. A socket file that a dead server left behind is replaced.
    ///
    /// # Errors
    ///
    /// [`BindError`] if an address is taken or the system refuses it.
    pub fn bind(address: Option<SocketAddr>, path: Option<&Path>) -> Result<Self, BindError> {
        let tcp = address.map(bind_tcp).transpose()?;
        let unix = path.map(bind_unix).transpose()?;
        Ok(Self { tcp, unix })
    }

    /// Returns the TCP address, with the port that the system chose if none was given.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| BindError::Tcp { address, source })
}

fn bind_unix(path: &Path) -> Result<SocketFile, BindError> {
    let bind = || {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let path = path.to_owned();
        let socket = SocketFile { listener, path };
        fs::set_permissions(&socket.path, fs::Permissions::from_mode(SOCKET_MODE))?;
        socket.listener.set_nonblocking(true)?;
        Ok(socket)
    };
    bind().map_err(|source| BindError::Unix {
        path: path.to_owned(),
        source,
    })
}

/// Removes the socket file of a server that has died, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type().is_socket(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !is_socket {
        let message = "there is a file of that name, and it is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another server listens there",
        )),
    }
}

// === impl SocketFile ===

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "socket file not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_socket_of_a_dead_server_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.sock");
        // A listener that is dropped leaves its file behind, as a killed server does.
        drop(UnixListener::bind(&path).expect("bound"));
        assert!(path.exists());
        let alive = Listeners::bind(None, Some(&path)).expect("the stale file is replaced");
        let refused = Listeners::bind(None, Some(&path)).expect_err("a server is alive");
        assert!(refused.to_string().contains("another server"), "{refused}");
        drop(alive);
        assert!(!path.exists());

        fs::write(&path, "precious").expect("written");
        let refused = Listeners::bind(None, Some(&path)).expect_err("a file is there");
        assert!(refused.to_string().contains("no socket"), "{refused}");
        assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
    }

    #[test]
    fn names_the_address_that_is_taken() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let first = Listeners::bind(Some(any), None).expect("bound");
        let address = first.tcp_address().expect("it listens on TCP");
        let refused = Listeners::bind(Some(address), None).expect_err("the port is taken");
        assert!(
            refused.to_string().contains(&address.to_string()),
            "{refused}"
        );
    }
}
