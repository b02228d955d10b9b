"""What there is to know of any request, whatever its protocol: its form, who may send it, its time, its outcome."""
