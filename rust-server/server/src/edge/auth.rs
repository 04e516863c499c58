//! Lets only callers in that know a token.

use std::{fmt, fs, path::PathBuf};

use http::{HeaderMap, header::AUTHORIZATION};
use subtle::{Choice, ConstantTimeEq};

use crate::{error::Error, reload::Reloaded};

const SCHEME: &str = "Bearer ";
/// A token is harder to guess than this is long.
const SHORTEST: usize = 16;
/// Probes have no token, and learn nothing but whether calls are taken.
const OPEN_TO_ALL: &str = "grpc.health.v1.Health/";

/// The tokens of a file: one a line; empty lines and lines that begin with `#` do not count.
#[derive(Debug)]
pub struct Tokens(Reloaded<Known>);

struct Known(Vec<String>);

// === impl Tokens ===

impl Tokens {
    /// Reads the tokens of a file.
    ///
    /// # Errors
    ///
    /// Why they cannot be used, in words.
    pub fn read(path: PathBuf) -> Result<Self, String> {
        let read = {
            let path = path.clone();
            move || {
                let text = fs::read_to_string(&path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                Known::parse(&text).map_err(|fault| format!("{}: {fault}", path.display()))
            }
        };
        Reloaded::new("tokens", vec![path], read).map(Self)
    }

    /// Reads them again whenever the file changes, for as long as it is polled.
    pub async fn watch(&self) {
        self.0.watch().await;
    }

    /// Checks the token among the headers of a call of a method.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if there is none, or one that is not known.
    pub fn check(&self, method: &str, headers: &HeaderMap) -> Result<(), Error> {
        if method.starts_with(OPEN_TO_ALL) {
            return Ok(());
        }
        let given = headers.get(AUTHORIZATION).and_then(|value| {
            let text = value.as_bytes();
            let scheme = text.get(..SCHEME.len())?;
            scheme
                .eq_ignore_ascii_case(SCHEME.as_bytes())
                .then(|| &text[SCHEME.len()..])
        });
        let Some(given) = given else {
            return Err(Error::Unauthenticated {
                message: "there is no bearer token in the metadata (authorization: Bearer …)",
            });
        };
        if self.0.get().knows(given) {
            return Ok(());
        }
        Err(Error::Unauthenticated {
            message: "the bearer token is not known",
        })
    }
}

// === impl Known ===

impl Known {
    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let tokens: Vec<_> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        if tokens.is_empty() {
            return Err("there is no token".into());
        }
        let is_sound = |token: &String| {
            token.len() >= SHORTEST && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match tokens.iter().position(|token| !is_sound(token)) {
            None => Ok(Self(tokens)),
            Some(index) => Err(format!(
                "token {} is not of at least {SHORTEST} visible ASCII characters",
                index + 1
            )),
        }
    }

    /// Compares with all, in a time that tells nothing but lengths.
    fn knows(&self, given: &[u8]) -> bool {
        let tokens = self.0.iter();
        let is_known = tokens.fold(Choice::from(0), |known, token| {
            known | token.as_bytes().ct_eq(given)
        });
        is_known.into()
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "0123456789abcdef";
    const SECOND: &str = "the-second-of-the-tokens";

    fn tokens(text: &str) -> Result<Tokens, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("tokens");
        fs::write(&path, text).expect("written");
        Tokens::read(path)
    }

    fn check(tokens: &Tokens, method: &str, value: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(AUTHORIZATION, value.parse().expect("a header value"));
        }
        tokens.check(method, &headers).is_ok()
    }

    #[test]
    fn lets_in_who_knows_a_token() {
        let tokens = tokens(&format!("# ours\n{FIRST}\n\n  {SECOND}  \n")).expect("tokens");
        let call = |value: Option<&str>| check(&tokens, "offgil.v1.ComputeService/Invoke", value);
        assert!(call(Some(&format!("Bearer {FIRST}"))));
        assert!(call(Some(&format!("bearer {SECOND}"))));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer # ours",
            FIRST,
            "Basic 0123456789abcdef",
        ] {
            assert!(!call(Some(wrong)), "{wrong:?}");
        }
        assert!(!call(Some(&format!("Bearer {FIRST}0"))));
        assert!(!call(Some(&format!("Bearer {}", &FIRST[1..]))));
        assert!(!call(None));
    }

    #[test]
    fn probes_need_none() {
        let tokens = tokens(FIRST).expect("tokens");
        assert!(check(&tokens, "grpc.health.v1.Health/Check", None));
        assert!(!check(
            &tokens,
            "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            None
        ));
    }

    #[test]
    fn a_file_without_sound_tokens_is_an_error() {
        for (text, fault) in [
            ("", "no token"),
            ("# comment\n", "no token"),
            ("short", "at least 16"),
            ("0123456789abcdef\nwith a space in it", "token 2"),
        ] {
            let error = tokens(text).expect_err("refused");
            assert!(error.contains(fault), "{error}");
        }
        assert!(Tokens::read("/nonexistent".into()).is_err());
    }
}
