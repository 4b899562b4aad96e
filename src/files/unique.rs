//! Names that nobody else gives, on whatever machine: process ids of two machines may be equal.

use std::io;
use std::sync::OnceLock;

use ring::rand::{SecureRandom as _, SystemRandom};

/// 128 random bits as 32 hex digits.
///
/// # Errors
/// A system without random numbers.
pub fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A number of this process that no other process has, as far as random numbers go.
pub(super) fn of_process() -> u64 {
    static NUMBER: OnceLock<u64> = OnceLock::new();
    *NUMBER.get_or_init(|| {
        let mut bytes = [0; 8];
        // Without random numbers the process id, which stands beside it, has to be enough.
        let _ = SystemRandom::new().fill(&mut bytes);
        u64::from_le_bytes(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_the_process_keeps_its_number() {
        let (one, two) = (token().unwrap(), token().unwrap());
        assert!(one.len() == 32 && one != two);
        assert_eq!(of_process(), of_process());
    }
}
