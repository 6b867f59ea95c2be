//! A certificate authority for one run, and the certificate of the hosts that the benchmark plays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::namespace;

/// Where systems keep the roots they trust.
const SYSTEM_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The files that say whom to trust, and the server's side.
#[derive(Debug)]
pub struct Certificates {
    /// This run's authority alone.
    pub authority: PathBuf,
    /// The system's roots and this run's authority, for who takes one file or none.
    pub bundle: PathBuf,
    /// How to serve.
    pub server: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes them in a folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn make(folder: &Path) -> Result<Self> {
        let mut params = named("Switchhook benchmark authority", Vec::new())?;
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = named("Switchhook benchmark", namespace::hosts())?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer)?;

        let (authority, bundle) = (folder.join("authority.pem"), folder.join("bundle.pem"));
        fs::write(&authority, issuer.pem())?;
        fs::write(&bundle, system_roots() + &issuer.pem())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .context("the server's certificate")?;
        Ok(Self {
            authority,
            bundle,
            server: Arc::new(server),
        })
    }
}

/// Two certificates of one name would be taken for one that signed itself.
fn named(name: &str, hosts: Vec<String>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn system_roots() -> String {
    let found = SYSTEM_BUNDLES
        .iter()
        .find_map(|path| fs::read_to_string(path).ok());
    found.unwrap_or_default()
}
