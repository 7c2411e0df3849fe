//! A secret on the command line: errors do not repeat it, as the parser's own would.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::failure::Failure;

/// What was given, or what is wrong with it.
#[derive(Clone)]
pub struct Secret<T>(Result<T, String>);

impl<T: Clone> Secret<T> {
    /// What was given to an option.
    pub fn of(given: Option<&Self>, option: &str) -> Result<Option<T>, Failure> {
        given
            .map(|given| given.0.clone())
            .transpose()
            .map_err(|why| Failure::Usage(format!("{option}: {why}")))
    }
}

impl<T: Parse> FromStr for Secret<T> {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(T::parse(text)))
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How a secret is parsed. Errors do not contain it.
pub trait Parse: Sized {
    fn parse(text: &str) -> Result<Self, String>;
}
