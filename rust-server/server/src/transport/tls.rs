//! TLS 1.3 and 1.2 for TCP connections, with or without certificates of the callers.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::reload::Reloaded;

/// Time for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The protocol of gRPC, by its name in TLS (RFC 9113).
const HTTP2: &[u8] = b"h2";

/// Where the certificates are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of this server, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of the callers' certificates; without them, callers need no certificate.
    pub callers: Option<PathBuf>,
}

/// Encrypts connections; its certificates are read again when their files change.
#[derive(Debug)]
pub struct Tls(Reloaded<ServerConfig>);

// === impl Tls ===

impl Tls {
    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// Why they cannot be used, in words.
    pub fn read(files: TlsFiles) -> Result<Self, String> {
        let paths = [
            Some(&files.certificate),
            Some(&files.key),
            files.callers.as_ref(),
        ];
        let paths = paths.into_iter().flatten().cloned().collect();
        Reloaded::new("certificates", paths, move || configuration(&files)).map(Self)
    }

    /// Reads them again whenever a file changes, for as long as it is polled.
    pub async fn watch(&self) {
        self.0.watch().await;
    }

    /// Shakes hands with a peer.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(self.0.get());
        let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(HTTP2) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer does not speak HTTP/2",
            ));
        }
        Ok(stream)
    }
}

fn configuration(files: &TlsFiles) -> Result<ServerConfig, String> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| format!("{}: {error}", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &files.callers {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let mut authorities = RootCertStore::empty();
            for certificate in certificates(path)? {
                authorities
                    .add(certificate)
                    .map_err(|error| fault(&error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
                    .build()
                    .map_err(|error| fault(&error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut configuration = builder.with_single_cert(chain, key).map_err(|error| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("{certificate} with {key}: {error}")
    })?;
    configuration.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(configuration)
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("{}: there is no certificate", path.display()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
