"""What the teacher's training and the distillation share: losses and a resumable loop."""
