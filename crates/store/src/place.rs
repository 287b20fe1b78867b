//! Where a store is: `sqlite:FILE`, or the URL of a PostgreSQL data base.

use postgres::config::{Host, SslMode};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The schema of a PostgreSQL data base that a store lies in, if the URL names none.
const SCHEMA: &str = "semrec";

/// Where a store is. Shown without the password.
#[derive(Clone, Debug)]
pub enum Place {
    /// A SQLite file.
    File(PathBuf),
    /// A schema of a PostgreSQL data base, which several services may share.
    Postgres(Box<PostgresPlace>),
}

/// A schema of a PostgreSQL data base.
#[derive(Clone)]
pub struct PostgresPlace {
    pub(crate) config: postgres::Config,
    pub(crate) schema: String,
}

impl Place {
    /// Takes a password where the URL has none: on a command line everybody sees it.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if let Self::Postgres(place) = &mut self
            && place.config.get_password().is_none()
        {
            place.config.password(password);
        }
        self
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(file) = text.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
            return Ok(Self::File(PathBuf::from(file)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres_place(text).map(|place| Self::Postgres(Box::new(place)));
        }
        Err(format!(
            "'{text}' is no store; expected sqlite:FILE or postgres://USER@HOST/DATABASE"
        ))
    }
}

/// The URL as libpq has it, and `schema=NAME` besides.
fn postgres_place(url: &str) -> Result<PostgresPlace, String> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let parameters = query.split('&').filter(|p| !p.is_empty());
    let (own, others): (Vec<&str>, Vec<&str>) = parameters.partition(|p| p.starts_with("schema="));
    let schema = own.last().and_then(|p| p.strip_prefix("schema="));
    let schema = schema.unwrap_or(SCHEMA);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let named = schema.starts_with(|c: char| c.is_ascii_lowercase()) && schema.chars().all(plain);
    if !named || schema.len() > 63 {
        return Err(format!(
            "the schema is '{schema}'; expected a name of at most 63 of a-z, 0-9 and _, a letter first"
        ));
    }
    let url = match others.is_empty() {
        true => base.to_owned(),
        false => format!("{base}?{}", others.join("&")),
    };
    // What is wrong is told without the URL, which may have a password.
    let config: postgres::Config = url.parse().map_err(|e: postgres::Error| {
        format!(
            "the URL of the data base cannot be read: {e}; expected postgres://USER@HOST/DATABASE"
        )
    })?;
    if config.get_hosts().is_empty() {
        return Err("the URL names no host; expected postgres://USER@HOST/DATABASE".to_owned());
    }
    Ok(PostgresPlace {
        config,
        schema: schema.to_owned(),
    })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(place) => place.fmt(f),
        }
    }
}

impl fmt::Display for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(f, "{user}@")?;
        }
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
            let ports = self.config.get_ports();
            if let Some(port) = ports.get(number).or(ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())?;
        let mode = self.config.get_ssl_mode();
        // What is not said is prefer.
        let named = [
            (SslMode::Disable, "sslmode=disable"),
            (SslMode::Require, "sslmode=require"),
        ];
        let encryption = named
            .iter()
            .find_map(|&(named, text)| (named == mode).then(|| text.to_owned()));
        let schema = (self.schema != SCHEMA).then(|| format!("schema={}", self.schema));
        for (number, part) in encryption.into_iter().chain(schema).enumerate() {
            write!(f, "{}{part}", if number == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_shown_without_passwords() {
        let shown = |text: &str| text.parse::<Place>().map(|place| place.to_string());
        assert_eq!(shown("sqlite:a b.db").unwrap(), "sqlite:a b.db");
        let url = "postgres://shop:geheim@db.example:6432/items?sslmode=require&schema=blue";
        assert_eq!(
            shown(url).unwrap(),
            "postgres://shop@db.example:6432/items?sslmode=require&schema=blue"
        );
        assert!(!format!("{:?}", url.parse::<Place>()).contains("geheim"));
        assert_eq!(
            shown("postgresql://db/items").unwrap(),
            "postgres://db:5432/items"
        );
        for (text, problem) in [
            ("mysql://db/items", "is no store"),
            ("sqlite:", "is no store"),
            ("postgres://db/items?schema=a-b", "the schema is 'a-b'"),
            ("postgres://db/items?colour=red", "cannot be read"),
            ("postgres:///items", "names no host"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_of_the_surroundings_gives_way_to_the_urls() {
        let password = |url: &str| match url.parse::<Place>().unwrap().with_password("b") {
            Place::File(_) => None,
            Place::Postgres(place) => place.config.get_password().map(<[u8]>::to_vec),
        };
        assert_eq!(password("postgres://u@h/d").unwrap(), b"b");
        assert_eq!(password("postgres://u:a@h/d").unwrap(), b"a");
    }
}
