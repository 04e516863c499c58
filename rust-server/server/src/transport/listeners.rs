//! Binds a TCP address and a Unix socket.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Connections that the system completes before they are accepted; it has a limit of its own.
const BACKLOG: i32 = 1024;
/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;

/// What a server listens on.
#[derive(Debug)]
pub struct Listeners {
    pub(super) tcp: Option<TcpListener>,
    pub(super) unix: Option<SocketFile>,
}

/// A Unix socket whose file goes when it is dropped, unless a successor's has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) listener: UnixListener,
    path: PathBuf,
    identity: FileIdentity,
}

/// Which file it is, whatever its name: device and inode.
///
/// The system gives the numbers of a socket's file to no other while the socket is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity(u64, u64);

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
    /// With `reuse_port`, a TCP address may be shared with servers of the same user that do the same: each
    /// new connection goes to one of them.
    ///
    /// # Errors
    ///
    /// [`BindError`] if an address is taken or the system refuses it.
    pub fn bind(
        address: Option<SocketAddr>,
        reuse_port: bool,
        path: Option<&Path>,
    ) -> Result<Self, BindError> {
        let tcp = address
            .map(|address| bind_tcp(address, reuse_port))
            .transpose()?;
        let unix = path.map(bind_unix).transpose()?;
        Ok(Self { tcp, unix })
    }

    /// Returns the TCP address, with the port that the system chose if none was given.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }
}

fn bind_tcp(address: SocketAddr, reuse_port: bool) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // The connections of a server that has ended do not keep the address for minutes.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(reuse_port)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    bind().map_err(|source| BindError::Tcp { address, source })
}

fn bind_unix(path: &Path) -> Result<SocketFile, BindError> {
    let bind = || {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let socket = SocketFile {
            listener,
            path: path.to_owned(),
            identity: FileIdentity::of(path)?,
        };
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
        let removed = FileIdentity::of(&self.path).and_then(|found| {
            if found == self.identity {
                fs::remove_file(&self.path)
            } else {
                Ok(()) // a successor's socket was renamed over it
            }
        });
        if let Err(error) = removed {
            tracing::debug!(path = %self.path.display(), %error, "socket file not removed");
        }
    }
}

// === impl FileIdentity ===

impl FileIdentity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self(metadata.dev(), metadata.ino()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn replaces_the_socket_of_a_dead_server_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.sock");
        // A listener that is dropped leaves its file behind, as a killed server does.
        drop(UnixListener::bind(&path).expect("bound"));
        assert!(path.exists());
        let alive = Listeners::bind(None, false, Some(&path)).expect("the stale file is replaced");
        let refused = Listeners::bind(None, false, Some(&path)).expect_err("a server is alive");
        assert!(refused.to_string().contains("another server"), "{refused}");
        drop(alive);
        assert!(!path.exists());

        fs::write(&path, "precious").expect("written");
        let refused = Listeners::bind(None, false, Some(&path)).expect_err("a file is there");
        assert!(refused.to_string().contains("no socket"), "{refused}");
        assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
    }

    #[test]
    fn names_the_address_that_is_taken() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let first = Listeners::bind(Some(any), false, None).expect("bound");
        let address = first.tcp_address().expect("it listens on TCP");
        let refused = Listeners::bind(Some(address), false, None).expect_err("the port is taken");
        assert!(
            refused.to_string().contains(&address.to_string()),
            "{refused}"
        );
    }

    #[test]
    fn leaves_the_socket_of_a_successor() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, next) = (directory.path().join("x.sock"), directory.path().join("y"));
        let old = Listeners::bind(None, false, Some(&path)).expect("bound");
        let new = Listeners::bind(None, false, Some(&next)).expect("bound");
        fs::rename(&next, &path).expect("handed over");
        drop(old);
        UnixStream::connect(&path).expect("the successor listens");
        // It knows its socket by the first name only, and leaves what has another name since.
        drop(new);
        assert!(path.exists());
    }

    #[test]
    fn shares_an_address_only_with_those_that_share_it() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let first = Listeners::bind(Some(any), true, None).expect("bound");
        let address = first.tcp_address().expect("it listens on TCP");
        Listeners::bind(Some(address), false, None).expect_err("it does not share");
        let second = Listeners::bind(Some(address), true, None).expect("both share");
        assert_eq!(second.tcp_address(), Some(address));
        drop(first);
        TcpStream::connect(address).expect("the successor listens");
    }
}
