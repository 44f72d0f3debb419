//! The bus of a single process: whoever hears is called at once.

use std::sync::{PoisonError, RwLock};

use clowder_core::{Bus, bus::Hear};

#[derive(Default)]
pub struct InProcess(RwLock<Vec<Hear>>);

impl Bus for InProcess {
    fn publish(&self, message: String) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hear| hear(&message));
    }

    fn subscribe(&self, hear: Hear) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(hear);
    }

    fn name(&self) -> &'static str {
        "process"
    }

    fn works(&self) -> bool {
        true
    }
}
