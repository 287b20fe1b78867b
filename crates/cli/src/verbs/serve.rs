//! `semrec serve` and `semrec key`: the service, and who may ask it.

use crate::args::{KeyArgs, KeyVerb, LogArg, PrivacyArgs, ServeArgs, WatchArgs};
use crate::context::Context;
use crate::verbs::refit::refit;
use crate::{context, interrupt};
use anyhow::{Context as _, bail};
use semrec_engine::Engine;
use semrec_serve::{
    Config, LogFormat, Net, Otlp, Privacy, Pseudonyms, Rate, Service, Tls, Watch, hash_of_key,
};
use semrec_store::{Place, Store, StoreError, StoredKey};
use std::fmt::Write;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use tokio::sync::oneshot;

pub(crate) fn run(context: &Context, args: &ServeArgs) -> anyhow::Result<()> {
    let listener = bind(args.listen)?;
    listen(context, args, listener, &|_, _| {})
}

/// Serves a bundle that was just made, and says what to try. Where the port is taken, a free one is
/// taken: nobody wants to make a bundle again for that.
pub(crate) fn after(context: &Context, bundle: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(e) if e.kind() == ErrorKind::AddrInUse => {
            context.console.note(format!(
                "{address} is taken by another program: a free port is used, --listen chooses one"
            ));
            bind(SocketAddr::new(address.ip(), 0))?
        }
        Err(e) => return Err(e).with_context(|| unusable(address)),
    };
    let args = ServeArgs::of(bundle, listener.local_addr()?)?;
    listen(context, &args, listener, &|service, url| {
        let console = &context.console;
        console.line(format!("dashboard: {url}/"));
        let examples = service.examples(url);
        if !examples.is_empty() {
            console.line("try:");
        }
        for line in examples {
            console.line(format!("  {line}"));
        }
        console.line("Ctrl-C ends the service");
    })
}

/// Opens a store; the password may be where `psql` looks for it.
#[expect(
    clippy::disallowed_methods,
    reason = "a flag would be seen by everybody"
)]
pub(crate) fn opened(place: &Place) -> Result<Store, StoreError> {
    match std::env::var("PGPASSWORD") {
        Ok(password) => Store::at(&place.clone().with_password(&password)),
        Err(_) => Store::at(place),
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| unusable(address))
}

fn unusable(address: SocketAddr) -> String {
    format!("{address} cannot be listened on; choose another, as in --listen 127.0.0.1:8081")
}

/// Serves until it is told to end; `ready` is told the service and where it is.
fn listen(
    context: &Context,
    args: &ServeArgs,
    listener: TcpListener,
    ready: &dyn Fn(&Service, &str),
) -> anyhow::Result<()> {
    let engine = Engine::open(&args.bundle)?;
    let place = args.store.clone().unwrap_or_else(|| {
        let mut name = args.bundle.as_os_str().to_owned();
        name.push(".db");
        Place::File(name.into())
    });
    let store = opened(&place)?;
    let keys = !store.keys()?.is_empty();
    if !keys && !args.listen.ip().is_loopback() {
        bail!(
            "{} is beyond this machine, and the store has no key; make one with 'semrec key add NAME --store {place}', or listen on 127.0.0.1",
            args.listen,
        );
    }
    let config = Config {
        history: args.history,
        queue: args.queue,
        gorse_ignore: args.gorse_ignore.clone(),
        keys,
        net: net(args)?,
        rate: args.net.rate.map(|a_second| Rate {
            a_second,
            burst: args
                .net
                .burst
                .unwrap_or(a_second.saturating_add(a_second.get())),
        }),
        watch: watch(&args.watch),
        privacy: privacy(&args.privacy)?,
        refit: Some(refit(
            context,
            &args.refit,
            place.file().unwrap_or(&args.bundle),
        )),
        ..Config::new(context::unix_seconds)
    };
    let scheme = if config.net.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let service = Service::start(engine, store, config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the service cannot be started")?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let at = listener.local_addr().unwrap_or(args.listen);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (end, ends) = oneshot::channel::<()>();
        interrupt::ends(move || {
            end.send(()).ok();
        });
        context.console.line(format!(
            "{scheme}://{at} serves {}, store {place}{}",
            args.bundle.display(),
            if keys { ", keys are asked for" } else { "" }
        ));
        ready(&service, &format!("{scheme}://{at}"));
        let end = async {
            ends.await.ok();
        };
        semrec_serve::run(service, listener, end).await?;
        context.console.line("all requests are answered; ended");
        Ok(())
    })
}

fn net(args: &ServeArgs) -> anyhow::Result<Net> {
    let tls = match (&args.net.tls_cert, &args.net.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::open(certificate, key)?),
        _ => None,
    };
    Ok(Net {
        connections: args.net.connections,
        tls,
        ..Net::default()
    })
}

fn watch(args: &WatchArgs) -> Watch {
    Watch {
        log: match args.log {
            LogArg::Off => LogFormat::Off,
            LogArg::Text => LogFormat::Text,
            LogArg::Json => LogFormat::Json,
        },
        write: crate::console::log,
        nanos: context::unix_nanos,
        otlp: args.otlp.clone().map(|url| Otlp {
            url,
            share: args.otlp_share,
        }),
    }
}

fn privacy(args: &PrivacyArgs) -> anyhow::Result<Privacy> {
    let pseudonyms = args.pseudonyms.as_ref().map(|path| {
        let named = || format!("the key of pseudonyms, {}", path.display());
        let key = std::fs::read(path).with_context(named)?;
        Pseudonyms::new(&key).with_context(named)
    });
    Ok(Privacy {
        pseudonyms: pseudonyms.transpose()?,
        mask: args.mask,
    })
}

pub(crate) fn key(context: &Context, verb: &KeyVerb) -> anyhow::Result<()> {
    match verb {
        KeyVerb::Add(args) => add(context, args),
        KeyVerb::Remove(args) => {
            if !opened(&args.at.store)?.remove_key(&args.name)? {
                bail!("no key is called '{}'; see 'semrec key list'", args.name);
            }
            context
                .console
                .line(format!("'{}' is taken back", args.name));
            Ok(())
        }
        KeyVerb::List(args) => {
            for key in opened(&args.store)?.keys()? {
                let scopes = key.scopes.join(" ");
                context.console.line(format!("{}  {scopes}", key.name));
            }
            Ok(())
        }
    }
}

fn add(context: &Context, args: &KeyArgs) -> anyhow::Result<()> {
    let mut chance = [0u8; 32];
    getrandom::fill(&mut chance).context("the system gives no random numbers")?;
    let mut key = "semrec_".to_owned();
    for byte in chance {
        write!(key, "{byte:02x}")?;
    }
    let stored = StoredKey {
        hash: hash_of_key(&key),
        name: args.name.clone(),
        scopes: vec![args.scope.clone()],
        created: context.now,
    };
    if !opened(&args.at.store)?.add_key(&stored)? {
        bail!(
            "a key is called '{}' already; remove it, or take another name",
            args.name
        );
    }
    context.console.line(key);
    Ok(())
}
