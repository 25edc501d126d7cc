"""The sources."""

from proofs_check.claim import Paper

DAI2023 = Paper(
    "dai2023",
    "Yan Dai, Kwangjun Ahn, Suvrit Sra",
    "The Crucial Role of Normalization in Sharpness-Aware Minimization",
    2023,
    "arXiv:2305.15287, NeurIPS 2023",
)
BARTLETT2023 = Paper(
    "bartlett2023",
    "Peter L. Bartlett, Philip M. Long, Olivier Bousquet",
    "The Dynamics of Sharpness-Aware Minimization: Bouncing Across Ravines and Drifting "
    "Towards Wide Minima",
    2023,
    "arXiv:2210.01513, JMLR 24(316)",
)
TAN2024 = Paper(
    "tan2024",
    "Chengli Tan, Jiangshe Zhang, Junmin Liu, Yicheng Wang, Yunda Hao",
    "Stabilizing Sharpness-aware Minimization Through A Simple Renormalization Strategy",
    2024,
    "arXiv:2401.07250",
)
