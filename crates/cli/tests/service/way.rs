//! A way to a data base that can be cut.

use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// Passes on what comes, while it is open; ends with the process.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    open: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    pub(crate) fn to(there: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            address: listener.local_addr().unwrap(),
            open: Arc::new(AtomicBool::new(true)),
            streams: Arc::default(),
        };
        let passing = way.clone();
        spawn(move || {
            for here in listener.incoming() {
                if passing.open.load(Ordering::SeqCst) {
                    passing.pass(&here.unwrap(), &TcpStream::connect(&there).unwrap());
                }
            }
        });
        way
    }

    fn pass(&self, here: &TcpStream, there: &TcpStream) {
        for (from, to) in [(here, there), (there, here)] {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            self.streams.lock().unwrap().push(from.try_clone().unwrap());
            spawn(move || {
                copy(&mut from, &mut to).ok();
                to.shutdown(Shutdown::Both).ok();
            });
        }
    }

    /// Ends all connections, and lets no other in.
    pub(crate) fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        for stream in self.streams.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}
