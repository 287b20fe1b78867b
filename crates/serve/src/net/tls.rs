//! TLS by rustls, with a certificate that can be renewed while serving.

use crate::ServeError;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, and where they come from; clones are the same one.
#[derive(Clone, Debug)]
pub struct Tls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    now: RwLock<(Stamps, Arc<ServerConfig>)>,
}

/// When the two files were written, and how long they are.
type Stamps = [(SystemTime, u64); 2];

impl Tls {
    /// Reads a chain of certificates and the private key of its first one, both PEM. TLS 1.2 and
    /// 1.3, with rustls' choice of ciphers.
    ///
    /// # Errors
    /// [`ServeError::Tls`] that says which file is wrong, or that they do not belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, ServeError> {
        let now = (
            [stamp(certificate)?, stamp(key)?],
            settings(certificate, key)?,
        );
        Ok(Self {
            inner: Arc::new(Inner {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                now: RwLock::new(now),
            }),
        })
    }

    /// Reads the files again if they changed; whether they did. On an error what was read before
    /// stays in force.
    pub(crate) fn renew(&self) -> Result<bool, ServeError> {
        let Inner {
            certificate,
            key,
            now,
        } = &*self.inner;
        let stamps = [stamp(certificate)?, stamp(key)?];
        if now.read().unwrap_or_else(PoisonError::into_inner).0 == stamps {
            return Ok(false);
        }
        let settings = settings(certificate, key)?;
        *now.write().unwrap_or_else(PoisonError::into_inner) = (stamps, settings);
        Ok(true)
    }

    /// What greets the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let now = self.inner.now.read();
        let now = now.unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&now.1))
    }
}

fn fail(path: &Path, problem: impl std::fmt::Display) -> ServeError {
    ServeError::Tls {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn stamp(path: &Path) -> Result<(SystemTime, u64), ServeError> {
    let about = fs::metadata(path).map_err(|e| fail(path, e))?;
    let written = about.modified().map_err(|e| fail(path, e))?;
    Ok((written, about.len()))
}

fn settings(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, ServeError> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain: Vec<CertificateDer<'_>> = chain.map_err(|e| fail(certificate, e))?;
    if chain.is_empty() {
        let problem = "has no certificate; expected a chain in PEM, the service's own first";
        return Err(fail(certificate, problem));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| {
        fail(
            key,
            format!("is no private key in PEM ({e}); expected PKCS#8, PKCS#1 or SEC1"),
        )
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let built = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let builder = builder.with_no_client_auth();
            builder.with_single_cert(chain, secret)
        });
    let mut settings = built.map_err(|e| {
        fail(
            certificate,
            format!("does not go with {}: {e}", key.display()),
        )
    })?;
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (cert, key) = (at.join("cert.pem"), at.join("key.pem"));
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (cert, key)
    }

    #[test]
    fn what_changed_is_read_again_and_what_is_wrong_is_not_taken() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path();
        let (cert, key) = write(at, "a.example.org");
        let tls = Tls::open(&cert, &key).unwrap();
        let now = || Arc::clone(&tls.inner.now.read().unwrap().1);
        let first = now();
        assert!(!tls.renew().unwrap());
        write(at, "longer.example.org");
        assert!(tls.renew().unwrap());
        let second = now();
        assert!(!Arc::ptr_eq(&first, &second));
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        fs::write(&key, format!("{other}\n")).unwrap();
        let said = tls.renew().unwrap_err().to_string();
        assert!(said.contains("does not go with"), "{said}");
        fs::write(&key, "no key").unwrap();
        let said = tls.renew().unwrap_err().to_string();
        assert!(said.contains("is no private key in PEM"), "{said}");
        fs::write(&cert, "").unwrap();
        let said = tls.renew().unwrap_err().to_string();
        assert!(said.contains("has no certificate"), "{said}");
        assert!(Arc::ptr_eq(&now(), &second));
    }
}
