"""A rack of virtual machines on a network of its own: what the tests, the demo and the measurements are built of.

    sandbox   namespaces that hold everything and take everything with them when the program ends
    network   the bridge, its taps, and the real boot servers on it (dhcpd, tftpd, dnsmasq)
    machine   QEMU machines, their disks and controllers
    console   a machine's serial line: read, waited on, typed at
    disk      images: partitions, file systems, boot loader, mounted on this machine
    golden    the machines to be cloned: a Debian 12 and a tiny one
    compare   two trees, every file, every attribute
"""
