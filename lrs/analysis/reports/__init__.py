"""Reports on people, partners and content; each as rows and as a picture."""
