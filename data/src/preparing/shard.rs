//! Customers hash into shards: the unit in which a country is held in memory, and in which scoring is shared out.

use sha2::{Digest, Sha256};

/// Number of shards of every prepared set.
pub const SHARDS: u8 = 64;

/// The shard of a customer, 0..64: the first 8 bytes of SHA-256 of the id, as a big-endian number, modulo 64.
pub fn shard(customer_id: &str) -> u8 {
    let hash = Sha256::digest(customer_id.as_bytes());
    // The remainder by 64 of a big-endian number is that of its last byte.
    hash[7] % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_those_of_another_implementation() {
        // python3 -c 'import hashlib; print([int.from_bytes(hashlib.sha256(c.encode()).digest()[:8],"big")%64 for c in ["","a","13085","café"]])'
        assert_eq!(["", "a", "13085", "café"].map(shard), [20, 10, 61, 9]);
    }
}
