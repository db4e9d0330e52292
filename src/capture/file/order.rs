//! Numbers in either byte order.

/// Which end of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    /// The number at `at`.
    #[inline]
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        })
    }

    /// The number at `at`.
    #[inline]
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        })
    }

    /// The number at `at`.
    pub(super) fn i64(self, bytes: &[u8], at: usize) -> Option<i64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => i64::from_be_bytes(bytes),
            Self::Little => i64::from_le_bytes(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Order::Big.u16(&bytes, 1), Some(0x0102));
        assert_eq!(Order::Little.u16(&bytes, 1), Some(0x0201));
        assert_eq!(Order::Big.u32(&bytes, 5), Some(0x0506_0708));
        assert_eq!(Order::Little.u32(&bytes, 5), Some(0x0807_0605));
        assert_eq!(Order::Big.i64(&bytes, 1), Some(0x0102_0304_0506_0708));
        assert_eq!(Order::Little.i64(&bytes, 1), Some(0x0807_0605_0403_0201));
        assert_eq!(Order::Big.u32(&bytes, 6), None);
        assert_eq!(Order::Big.u16(&bytes, usize::MAX), None);
    }
}
