//! Listeners: UDP and TCP.
