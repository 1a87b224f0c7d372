//! Ports of this machine.

use std::net::{Ipv4Addr, TcpListener};

/// Whether nobody listens on any of `count` ports from `first` on. Nothing is left open.
pub fn are_free(first: u16, count: u16) -> bool {
    // Elsewhere to listen on all addresses would have a firewall ask.
    let address = if cfg!(target_os = "linux") { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    (first..first.saturating_add(count)).all(|port| TcpListener::bind((address, port)).is_ok())
}
