"""What an event sets off outside this process: a program, a webhook."""
