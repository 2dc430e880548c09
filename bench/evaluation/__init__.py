"""What metrics and pictures see: a model's samples, real images, features of both."""
