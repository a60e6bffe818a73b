"""What every answer over HTTP shares: errors as bodies, JSON, security headers, refused connections."""
