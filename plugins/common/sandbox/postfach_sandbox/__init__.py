"""Parts of the sandboxes: certificates, TLS, switches for faults, a page of what arrived."""
