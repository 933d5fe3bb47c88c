"""What the robustness benchmark sends: photos made to hurt, damaged photos, and a crowd of clients."""
