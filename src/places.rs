//! A server's places for clients: so many at once, and what the next one may hope for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The next client waits this long for a place. A client that has closed its
/// connection has its place until the thread that serves it has noticed, which
/// takes a moment; so somebody who comes straight back, ping by ping, would
/// find his own place taken by himself.
const MOMENT: Duration = Duration::from_millis(200);

/// All the places of a server.
#[derive(Debug)]
pub struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

/// One client's place. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
}

impl Places {
    pub fn new(most: usize) -> Arc<Places> {
        Arc::new(Places { free: Mutex::new(most), freed: Condvar::new() })
    }

    /// A place, at once or within a moment; `None` where all stay taken.
    pub fn take(self: &Arc<Places>) -> Option<Place> {
        // A number is whole even if a thread panicked while it held the lock.
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |free: &mut usize| *free == 0;
        let waited = self.freed.wait_timeout_while(free, MOMENT, full);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Place { places: Arc::clone(self) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.places.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn there_are_as_many_places_as_were_asked_for_and_each_comes_back() {
        let places = Places::new(2);
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some());
        assert!(places.take().is_none());
        drop(first);
        assert!(places.take().is_some());
    }

    #[test]
    fn whoever_comes_a_moment_too_early_gets_the_place_that_becomes_free() {
        let places = Places::new(1);
        let place = places.take();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(MOMENT / 20);
                drop(place);
            });
            assert!(places.take().is_some());
        });
    }
}
