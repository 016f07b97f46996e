//! IPv4 and IPv6 as the UDP loop needs them, so that the loop is compiled for each and asks nothing
//! at run time.

use std::net::{IpAddr, Ipv6Addr};

use nix::cmsg_space;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, SockaddrIn, SockaddrIn6, SockaddrLike};

/// An address family.
pub(super) trait Family: 'static {
    /// The address of a peer, as the system writes it.
    type Address: SockaddrLike + Copy + PartialEq;

    /// The address of ours that a datagram was sent to, as the system takes it back.
    type Local: Copy;

    /// Address and port of a peer.
    fn peer(address: &Self::Address) -> (IpAddr, u16);

    /// Space for the control message that carries a [`Family::Local`].
    fn control_space() -> Vec<u8>;

    /// Space for the control messages of a bundle of replies: how long each is, and with `local` a
    /// [`Family::Local`].
    fn bundle_control_space(local: bool) -> Vec<u8>;

    /// The same for equal addresses, and seldom for others.
    fn hash(address: &Self::Address) -> u64;

    /// Reads the control message; `None` for one of another kind.
    fn local(message: &ControlMessageOwned) -> Option<Self::Local>;

    /// The control message that makes a reply leave from that address.
    fn control(local: &Self::Local) -> ControlMessage<'_>;

    /// Whether both are the same address.
    fn same(one: &Self::Local, other: &Self::Local) -> bool;
}

/// Lets every bit of a number have its say in the upper half (Fibonacci hashing).
#[inline]
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// IPv4.
pub(super) struct V4;

/// IPv6.
pub(super) struct V6;

impl Family for V4 {
    type Address = SockaddrIn;
    type Local = in_pktinfo;

    #[inline]
    fn peer(address: &SockaddrIn) -> (IpAddr, u16) {
        (address.ip().into(), address.port())
    }

    fn control_space() -> Vec<u8> {
        cmsg_space!(in_pktinfo)
    }

    fn bundle_control_space(local: bool) -> Vec<u8> {
        if local { cmsg_space!(u16, in_pktinfo) } else { cmsg_space!(u16) }
    }

    #[inline]
    fn hash(address: &SockaddrIn) -> u64 {
        spread(u64::from(u32::from(address.ip())) << 16 | u64::from(address.port()))
    }

    /// The interface is forgotten: the routes say where the reply leaves, as for any other packet.
    #[inline]
    fn local(message: &ControlMessageOwned) -> Option<in_pktinfo> {
        match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => Some(in_pktinfo { ipi_ifindex: 0, ..*info }),
            _ => None,
        }
    }

    fn control(local: &in_pktinfo) -> ControlMessage<'_> {
        ControlMessage::Ipv4PacketInfo(local)
    }

    #[inline]
    fn same(one: &in_pktinfo, other: &in_pktinfo) -> bool {
        one.ipi_spec_dst.s_addr == other.ipi_spec_dst.s_addr
    }
}

impl Family for V6 {
    type Address = SockaddrIn6;
    type Local = in6_pktinfo;

    #[inline]
    fn peer(address: &SockaddrIn6) -> (IpAddr, u16) {
        (address.ip().into(), address.port())
    }

    fn control_space() -> Vec<u8> {
        cmsg_space!(in6_pktinfo)
    }

    fn bundle_control_space(local: bool) -> Vec<u8> {
        if local { cmsg_space!(u16, in6_pktinfo) } else { cmsg_space!(u16) }
    }

    #[inline]
    fn hash(address: &SockaddrIn6) -> u64 {
        let ip = address.ip().to_bits();
        #[allow(clippy::cast_possible_truncation)] // its two halves
        let (high, low) = ((ip >> 64) as u64, ip as u64);
        spread(spread(high ^ u64::from(address.port())) ^ low)
    }

    /// The interface is forgotten but for link-local addresses, which mean nothing without it.
    #[inline]
    fn local(message: &ControlMessageOwned) -> Option<in6_pktinfo> {
        match message {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                let interface = if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                Some(in6_pktinfo { ipi6_ifindex: interface, ..*info })
            }
            _ => None,
        }
    }

    fn control(local: &in6_pktinfo) -> ControlMessage<'_> {
        ControlMessage::Ipv6PacketInfo(local)
    }

    #[inline]
    fn same(one: &in6_pktinfo, other: &in6_pktinfo) -> bool {
        one.ipi6_addr.s6_addr == other.ipi6_addr.s6_addr && one.ipi6_ifindex == other.ipi6_ifindex
    }
}
