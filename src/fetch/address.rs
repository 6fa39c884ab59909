//! Which addresses this server may connect to (IANA's registries of special-purpose addresses; RFC 6890).
//!
//! Refused: whatever is not an address of the public network, unless `fetch.allow` names its network. Some are refused whatever the
//! settings say: those that stand for "here", for many or for an IPv4 address in disguise. Of IPv6 only 2000::/3 is public, and the
//! translations of NAT64, which are what their IPv4 address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What is not the public network, first match first.
const V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's shared network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's metadata service"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a former 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
];

const V6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "a local translation to IPv4"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "a private network"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "a former site's own"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "Teredo"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "for protocols"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// Refused whatever is allowed.
const NEVER_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::UNSPECIFIED, 8, "unspecified"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::BROADCAST, 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

const NEVER_V6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "an IPv4 address in disguise"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// The public network.
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The well-known prefix of NAT64 (RFC 6052): its last 32 bits are the address that is reached.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The former notation of IPv4 in IPv6 (RFC 4291, 2.5.5.1), `::` and `::1` apart.
const COMPATIBLE: (Ipv6Addr, u8) = (Ipv6Addr::UNSPECIFIED, 96);

/// Whether it may be connected to; otherwise what it is.
pub(super) fn judge(address: IpAddr, allowed: &[IpNet]) -> Result<(), &'static str> {
    if let IpAddr::V6(address) = address
        && in_v6(address, NAT64)
    {
        let [.., a, b, c, d] = address.octets();
        return judge(Ipv4Addr::new(a, b, c, d).into(), allowed);
    }
    if let Some(never) = never(address) {
        return Err(never);
    }
    match special(address) {
        Some(_) if allowed.iter().any(|network| network.contains(&address)) => Ok(()),
        Some(special) => Err(special),
        None => Ok(()),
    }
}

/// Why no address of this kind is connected to, whatever is allowed.
pub(super) fn never(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => among_v4(NEVER_V4, address),
        IpAddr::V6(address) => among_v6(NEVER_V6, address).or_else(|| {
            (in_v6(address, COMPATIBLE) && !address.is_loopback()).then_some("an IPv4 address in disguise")
        }),
    }
}

fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => among_v4(V4, address),
        IpAddr::V6(address) => {
            among_v6(V6, address).or_else(|| (!in_v6(address, PUBLIC_V6)).then_some("no address of the public network"))
        }
    }
}

fn among_v4(ranges: &[(Ipv4Addr, u8, &'static str)], address: Ipv4Addr) -> Option<&'static str> {
    let within = |from: Ipv4Addr, bits| Ipv4Net::new(from, bits).is_ok_and(|network| network.contains(&address));
    ranges.iter().find(|(from, bits, _)| within(*from, *bits)).map(|(.., name)| *name)
}

fn among_v6(ranges: &[(Ipv6Addr, u8, &'static str)], address: Ipv6Addr) -> Option<&'static str> {
    ranges.iter().find(|(from, bits, _)| in_v6(address, (*from, *bits))).map(|(.., name)| *name)
}

fn in_v6(address: Ipv6Addr, (from, bits): (Ipv6Addr, u8)) -> bool {
    Ipv6Net::new(from, bits).is_ok_and(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range that can't be read would match nothing.
    #[test]
    fn every_range_is_one() {
        let v4 = V4.iter().chain(NEVER_V4).all(|(from, bits, _)| Ipv4Net::new(*from, *bits).unwrap().addr() == *from);
        let v6 = V6.iter().chain(NEVER_V6).all(|(from, bits, _)| Ipv6Net::new(*from, *bits).unwrap().addr() == *from);
        assert!(v4 && v6);
        for (from, bits) in [PUBLIC_V6, NAT64, COMPATIBLE] {
            assert_eq!(Ipv6Net::new(from, bits).unwrap().network(), from);
        }
    }
}
