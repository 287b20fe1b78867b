//! A store in a schema of a PostgreSQL data base, which several services may share.
//!
//! Who writes holds a lock of the data base until the transaction is done: places among events and
//! changes are in the order in which they can be seen, so that who reads on after a place misses
//! nothing. A connection that is lost is made again; what was not done yet is done again for
//! [`PATIENCE`], so that a data base that is started again costs time and no request.

mod link;
mod schema;

pub(crate) use link::Link;

use crate::StoreError;
use crate::place::PostgresPlace;
use crate::sql::Sql;
use postgres::NoTls;
use postgres::config::SslMode;
use schema::bring_forward;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a call waits for a data base that is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that read at once.
const READERS: usize = 8;
/// Waits until nobody else writes to a schema; until the end of the transaction nobody else does.
fn lock(sql: &mut Sql<'_>, schema: &str) -> Result<(), StoreError> {
    let lock = "SELECT pg_advisory_xact_lock(hashtext('semrec'), hashtext(CAST(?1 AS TEXT)))";
    sql.each(lock, &[schema.into()], &mut |_| Ok(()))
}

/// The connections to a store.
#[derive(Debug)]
pub(crate) struct Server {
    place: PostgresPlace,
    tls: Tls,
    writer: Mutex<Option<Link>>,
    readers: Mutex<Readers>,
    freed: Condvar,
}

/// TLS with the certificates that the system trusts, or those of `SSL_CERT_FILE`; absent where it is
/// not wanted, or nothing is trusted and that is enough.
struct Tls(Option<MakeRustlsConnect>);

impl Tls {
    fn of(place: &PostgresPlace) -> Result<Self, StoreError> {
        let mode = place.config.get_ssl_mode();
        if mode == SslMode::Disable {
            return Ok(Self(None));
        }
        match MakeRustlsConnect::with_native_certs() {
            Ok((tls, _unreadable)) => Ok(Self(Some(tls))),
            Err(_) if mode == SslMode::Require => Err(StoreError::Place {
                place: place.to_string(),
                problem: "the URL asks for TLS, and no certificates are trusted here; name a file of them in SSL_CERT_FILE".to_owned(),
            }),
            Err(_) => Ok(Self(None)),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

#[derive(Debug, Default)]
struct Readers {
    idle: Vec<Link>,
    busy: usize,
}

/// A lock that no other service has while this is there.
#[derive(Debug)]
pub struct Lease {
    /// Ends with the connection; none is needed where no other service is.
    _link: Option<Link>,
}

impl Lease {
    /// The lock of a store that only this process has.
    pub(crate) fn alone() -> Self {
        Self { _link: None }
    }
}

impl Server {
    /// Connects, and makes the tables where there are none.
    ///
    /// # Errors
    /// [`StoreError::Place`] if the data base cannot be used.
    pub(crate) fn open(place: &PostgresPlace) -> Result<Self, StoreError> {
        let server = Self {
            place: place.clone(),
            tls: Tls::of(place)?,
            writer: Mutex::default(),
            readers: Mutex::default(),
            freed: Condvar::new(),
        };
        let fail = |problem: String| StoreError::Place {
            place: place.to_string(),
            problem,
        };
        let mut link = match server.connected() {
            Err(StoreError::Away(problem) | StoreError::Postgres(problem)) => {
                let hint = if problem.contains("certificate") {
                    "; name the file of the authority that signed it in SSL_CERT_FILE, or, where the network between is yours, add sslmode=disable to the URL"
                } else {
                    ""
                };
                return Err(fail(problem + hint));
            }
            connected => connected?,
        };
        link.within("BEGIN", |sql| bring_forward(sql, &place.schema))
            .map_err(|e| fail(e.to_string()))?;
        link.batch(&format!("SET search_path TO {}", place.schema))?;
        *server.writer() = Some(link);
        Ok(server)
    }

    fn writer(&self) -> MutexGuard<'_, Option<Link>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection.
    fn connected(&self) -> Result<Link, StoreError> {
        let PostgresPlace { config, schema } = &self.place;
        let mut config = config.clone();
        config.application_name("semrec");
        config.connect_timeout(PATIENCE);
        // A data base that is gone without a word is noticed.
        config.tcp_user_timeout(PATIENCE * 2);
        let client = match &self.tls.0 {
            Some(tls) => config.connect(tls.clone()),
            None => config.connect(NoTls),
        };
        Link::new(client?, schema)
    }

    /// Does the work in a transaction that is durable when this returns; an error takes all of it
    /// back. The work may be done several times.
    pub(crate) fn write<T>(
        &self,
        work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        patiently(|| {
            let mut link = match writer.take().filter(Link::is_there) {
                Some(link) => link,
                None => self.connected()?,
            };
            let done = link.within("BEGIN", |sql| {
                lock(sql, &self.place.schema)?;
                work(sql)
            });
            if link.is_there() {
                *writer = Some(link);
            }
            done
        })
    }

    /// Reads. The work may be done several times.
    pub(crate) fn read<T>(
        &self,
        work: &mut dyn FnMut(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut readers = self.readers();
        while readers.busy >= READERS {
            let waited = self.freed.wait(readers);
            readers = waited.unwrap_or_else(PoisonError::into_inner);
        }
        readers.busy += 1;
        let mut link = readers.idle.pop();
        drop(readers);
        let done = patiently(|| {
            let mut there = match link.take().filter(Link::is_there) {
                Some(there) => there,
                None => self.connected()?,
            };
            let done = work(&mut Sql::Postgres(&mut there));
            link = Some(there).filter(Link::is_there);
            done
        });
        let mut readers = self.readers();
        readers.busy -= 1;
        readers.idle.extend(link);
        drop(readers);
        self.freed.notify_one();
        done
    }

    /// Reads for long, all as of one moment, by a connection of its own. The work is done once.
    pub(crate) fn apart<T>(
        &self,
        work: impl FnOnce(&mut Sql<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut link = patiently(|| self.connected())?;
        link.within("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)
    }

    /// A lock of a name, unless another service has it.
    pub(crate) fn lease(&self, name: &str) -> Result<Option<Lease>, StoreError> {
        let mut link = patiently(|| self.connected())?;
        let sql = "SELECT CASE WHEN pg_try_advisory_lock(hashtext(CAST(?1 AS TEXT)), hashtext(current_schema()))
                   THEN CAST(1 AS BIGINT) ELSE 0 END";
        let got = Sql::Postgres(&mut link).number(sql, &[name.into()])?;
        Ok((got == 1).then_some(Lease { _link: Some(link) }))
    }
}

/// Tries until it is done, or the data base has been away for too long.
fn patiently<T>(mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match work() {
            Err(StoreError::Away(_)) if Instant::now() < until => sleep(PAUSE),
            done => return done,
        }
    }
}
