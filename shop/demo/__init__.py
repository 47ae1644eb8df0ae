"""What exists only with the sandbox: demo accounts, made-up payments, learn panel, the sandbox's clock, the reset."""
