"""What is answered over HTTP: whether the process is well, and the API of the control process."""
