//! A store of bytes in which something happens before objects are read or deleted.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use clowder_core::{Error, Result};
use clowder_media::{Blobs, Key};

use crate::media::over::{Aside, Over};

type Happening = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Happens {
    /// What happens once, after an object has been opened to be read.
    pub while_reading: Mutex<Option<Happening>>,
    /// Whether a deletion fails.
    pub fails: Box<dyn Fn() -> bool + Send + Sync>,
}

pub type Wrapped = Over<Happens>;

impl Wrapped {
    pub fn new(store: &Arc<dyn Blobs>) -> Self {
        let aside = Happens { while_reading: Mutex::new(None), fails: Box::new(|| false) };
        Self { store: Arc::clone(store), aside }
    }
}

#[async_trait]
impl Aside for Happens {
    async fn opened(&self) {
        let happens = self.while_reading.lock().unwrap().take();
        if let Some(happens) = happens {
            happens.await;
        }
    }

    async fn delete(&self, store: &dyn Blobs, key: &Key) -> Result<()> {
        if (self.fails)() { Err(Error::unavailable("the store is away")) } else { store.delete(key).await }
    }
}
