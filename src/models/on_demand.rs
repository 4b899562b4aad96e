//! Parts of a model that are in memory only while they are needed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tensors::LoadError;

type Load<T> = dyn Fn() -> Result<T, LoadError> + Send + Sync;

/// A part that is loaded when it is first used, and again after a [`release`](Self::release).
pub struct OnDemand<T> {
    load: Box<Load<T>>,
    loaded: Mutex<Option<Arc<T>>>,
}

impl<T> OnDemand<T> {
    pub(crate) fn new(load: impl Fn() -> Result<T, LoadError> + Send + Sync + 'static) -> Self {
        Self { load: Box::new(load), loaded: Mutex::new(None) }
    }

    /// The part. Two threads that ask at the same time may both load it; one copy stays.
    ///
    /// # Errors
    /// A file that can no longer be read, a device without room.
    pub fn get(&self) -> candle_core::Result<Arc<T>> {
        let loaded = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = &*loaded() {
            return Ok(part.clone());
        }
        // Not under the lock: loading runs on several threads, one of which might come here meanwhile.
        let part = Arc::new((self.load)().map_err(candle_core::Error::wrap)?);
        Ok(loaded().get_or_insert(part).clone())
    }

    /// Frees the part's memory as soon as nobody uses it.
    pub fn release(&self) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl<T> fmt::Debug for OnDemand<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemand").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_part_is_loaded_once_until_it_is_released() {
        static LOADS: AtomicUsize = AtomicUsize::new(0);
        let part = OnDemand::new(|| Ok(LOADS.fetch_add(1, Ordering::Relaxed)));
        assert_eq!(LOADS.load(Ordering::Relaxed), 0);
        assert_eq!((*part.get().unwrap(), *part.get().unwrap()), (0, 0));
        part.release();
        assert_eq!(*part.get().unwrap(), 1);
    }

    #[test]
    fn an_error_names_the_file_each_time() {
        let gone = || Err(LoadError::WrongLength { file: "x.safetensors".into(), expected: 2, actual: 1 });
        let part = OnDemand::<()>::new(gone);
        for _ in 0..2 {
            assert!(part.get().unwrap_err().to_string().contains("x.safetensors should have 2 bytes"));
        }
    }
}
