//! Being told to end: `Ctrl-C`, `kill`, a terminal that closes. Whoever has children at work ends them first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether we were told to end. Clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on such a signal does not end this process, but is seen here.
    pub fn watch() -> Interrupt {
        let interrupt = Interrupt::default();
        #[cfg(unix)]
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            // Where it cannot be had, the signal does what it always does.
            let _ = signal_hook::flag::register(signal, Arc::clone(&interrupt.0));
        }
        interrupt
    }

    /// Whether it has come.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// As if it had come: nobody wants the answer any more.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
