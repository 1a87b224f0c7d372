//! Random bits from the operating system.

use crate::error::{Context, Result};

/// 128 random bits.
///
/// # Errors
/// Refused, if the system has none to give.
pub fn bits() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| error.to_string())
        .or_refuse(|| "The operating system gave no random bits.")?;
    Ok(bytes)
}
