"""Parts that exist only with the sandbox: demo accounts, made-up payments, learn panel, sandbox clock, reset."""
