//! What is in service now, and how another bundle takes its place.

use crate::ServeError;
use crate::served::Served;
use semrec_engine::Engine;
use semrec_store::Store;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::RwLockReadGuard;

/// What is in service now.
#[derive(Debug)]
pub(crate) struct Live {
    served: RwLock<Arc<Served>>,
    /// Shared by whoever writes to the store until it is known here, held alone by whoever puts
    /// another bundle into service: so that nothing is missed between the two.
    gate: tokio::sync::RwLock<()>,
}

impl Live {
    pub(crate) fn new(served: Served) -> Self {
        Self {
            served: RwLock::new(Arc::new(served)),
            gate: tokio::sync::RwLock::new(()),
        }
    }

    pub(crate) fn served(&self) -> Arc<Served> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&served)
    }

    /// The engine of this moment.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.served().engine()
    }

    /// To be held from before something is stored until it is known here.
    pub(crate) async fn writing(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Puts a bundle that was made ready into service, with everything that was written until then.
    /// Not for a thread that drives futures.
    pub(crate) fn swap(&self, next: Served, store: &Store) -> Result<(), ServeError> {
        // Most of what was written meanwhile; the rest while nobody writes.
        next.follow_items(store)?;
        next.follow_people(store, None)?;
        let _alone = self.gate.blocking_write();
        next.follow_items(store)?;
        next.follow_people(store, None)?;
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(())
    }
}
