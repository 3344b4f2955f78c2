"""The model: a quasar VAE with a rest-frame decoder, its training and its use."""
