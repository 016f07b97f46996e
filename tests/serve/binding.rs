use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use pharos::answer::Transport;
use pharos::serve::{BindError, bind};

fn addresses(list: &[&str]) -> Vec<SocketAddr> {
    list.iter().map(|a| a.parse().unwrap()).collect()
}

#[test]
fn port_zero_is_one_port_for_both_transports() {
    let bound = bind(&addresses(&["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"]), 3).unwrap();
    let got = bound.addresses();
    assert_eq!(got.len(), 3);
    for address in got {
        assert_ne!(address.port(), 0);
        assert_eq!(UdpSocket::bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(TcpListener::bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}

#[test]
fn both_wildcards_share_a_port() {
    let port = bind(&addresses(&["0.0.0.0:0"]), 1).unwrap().addresses()[0].port();
    let bound = bind(&addresses(&[&format!("0.0.0.0:{port}"), &format!("[::]:{port}")]), 2).unwrap();
    assert_eq!(bound.addresses().len(), 2);
}

#[test]
fn a_second_server_is_kept_off_though_udp_ports_are_shared() {
    let first = bind(&addresses(&["127.0.0.1:0"]), 1).unwrap();
    let error = bind(&first.addresses(), 1).unwrap_err();
    assert!(matches!(error, BindError::InUse { transport: Transport::Tcp, .. }), "{error:?}");
    let port = first.addresses()[0].port();
    assert_eq!(
        error.to_string(),
        format!(
            "another program listens on 127.0.0.1:{port} (TCP); `ss -lnp 'sport = :{port}'` shows which \
             (on port 53 often systemd-resolved or another name server)"
        )
    );
}

#[test]
fn a_udp_port_in_use_is_named_and_nothing_stays_open() {
    let free = bind(&addresses(&["127.0.0.1:0"]), 1).unwrap().addresses()[0];
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = UdpSocket::bind(taken).unwrap();
    let error = bind(&[free, taken], 2).unwrap_err();
    assert!(
        matches!(error, BindError::InUse { transport: Transport::Udp, address, .. } if address == taken),
        "{error:?}"
    );
    TcpListener::bind(free).unwrap();
    TcpListener::bind(taken).unwrap();
}

#[test]
fn addresses_of_others_are_told_from_our_own() {
    let error = bind(&addresses(&["203.0.113.1:5353"]), 1).unwrap_err();
    assert!(matches!(error, BindError::NotLocal { .. }), "{error:?}");
}

#[test]
fn overlapping_addresses_are_refused_before_the_system_does() {
    for (list, fine) in [
        (["0.0.0.0:53", "127.0.0.1:53"], false),
        (["127.0.0.1:53", "0.0.0.0:53"], false),
        (["[::1]:53", "[::1]:53"], false),
        (["0.0.0.0:0", "0.0.0.0:0"], true),
    ] {
        let got = bind(&addresses(&list), 1);
        assert_eq!(!matches!(got, Err(BindError::Covered { .. })), fine, "{list:?}: {got:?}");
    }
    assert!(matches!(bind(&[], 1), Err(BindError::Nothing)));
}

#[test]
fn a_missing_permission_says_what_gives_it() {
    let error = BindError::Permission {
        address: "0.0.0.0:53".parse().unwrap(),
        transport: Transport::Udp,
        source: io::ErrorKind::PermissionDenied.into(),
    };
    assert_eq!(
        error.to_string(),
        "no permission to listen on 0.0.0.0:53 (UDP); ports below 1024 need root or CAP_NET_BIND_SERVICE"
    );
}
