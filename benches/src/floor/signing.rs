//! AWS Signature Version 4 of a POST to `/`, as the JSON protocols need it.

use ring::{digest, hmac};
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use super::variable;

/// Signs requests.
#[derive(Clone, Debug)]
pub struct Signer {
    access_key: String,
    secret_key: String,
    /// The session token.
    pub token: String,
    /// The region.
    pub region: String,
}

/// Returns the time as signatures have it.
#[must_use]
pub fn now() -> String {
    SystemClock.now().strftime("%Y%m%dT%H%M%SZ").to_string()
}

impl Signer {
    /// Takes region and credentials as Lambda gives them.
    ///
    /// # Errors
    ///
    /// When one is not set.
    pub fn from_environment() -> anyhow::Result<Self> {
        Ok(Self {
            access_key: variable("AWS_ACCESS_KEY_ID")?,
            secret_key: variable("AWS_SECRET_ACCESS_KEY")?,
            token: variable("AWS_SESSION_TOKEN")?,
            region: variable("AWS_REGION")?,
        })
    }

    /// Returns the `authorization` header for headers in alphabetical order, all of them signed.
    #[must_use]
    pub fn authorization(
        &self,
        service: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        date: &str,
    ) -> String {
        let mut canonical = String::with_capacity(1_536);
        canonical.push_str("POST\n/\n\n");
        for (name, value) in headers {
            canonical.extend([name, ":", value, "\n"]);
        }
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        canonical.extend(["\n", &names, "\n", &sha256(body)]);
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{service}/aws4_request", self.region);
        let digest = sha256(canonical.as_bytes());
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
        let start = format!("AWS4{}", self.secret_key);
        let parts = [day, &self.region, service, "aws4_request"];
        let key = parts
            .iter()
            .fold(start.into_bytes(), |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &to_sign));
        let access_key = &self.access_key;
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_test_suite() {
        // `post-vanilla` of AWS's Signature Version 4 test suite.
        let signer = Signer {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: String::new(),
            region: "us-east-1".into(),
        };
        let date = "20150830T123600Z";
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", date)];
        assert_eq!(
            signer.authorization("service", &headers, b"", date),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }
}
