"""Badges and certificates as pictures and PDF."""
